/** The whole model against reference outputs; in the model's own package, to see its parts. */
@NullMarked
package org.pyramiddrop.transformer;

import org.jspecify.annotations.NullMarked;
