/**
 * The model itself, written once over {@link org.pyramiddrop.kernels.Kernels}: vision tower,
 * projector, decoder with its drops, key/value caches, and what runs a sequence through them. It is
 * for this project's own modules; what users import is {@code org.pyramiddrop.transformer}.
 */
@NullMarked
package org.pyramiddrop.transformer.engine;

import org.jspecify.annotations.NullMarked;
