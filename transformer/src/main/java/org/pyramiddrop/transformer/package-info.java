/** LLaVA-family models: load a checkpoint, ask about images, prune image tokens on the way. */
@NullMarked
package org.pyramiddrop.transformer;

import org.jspecify.annotations.NullMarked;
