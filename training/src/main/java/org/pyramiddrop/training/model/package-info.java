/**
 * The model's blocks as training runs them: each with its forward pass, a record of what that
 * saved, and its backward pass.
 */
@NullMarked
package org.pyramiddrop.training.model;

import org.jspecify.annotations.NullMarked;
