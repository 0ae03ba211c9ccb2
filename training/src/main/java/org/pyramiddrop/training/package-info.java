/** Training and fine-tuning of LLaVA checkpoints, with image tokens dropped as at inference. */
@NullMarked
package org.pyramiddrop.training;

import org.jspecify.annotations.NullMarked;
