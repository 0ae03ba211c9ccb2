/** Conversations about pictures as they lie on disk, and as token ids that a model learns from. */
@NullMarked
package org.pyramiddrop.training.data;

import org.jspecify.annotations.NullMarked;
