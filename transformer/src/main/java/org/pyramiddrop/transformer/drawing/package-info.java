/** What a model looks at, drawn over its images. */
@NullMarked
package org.pyramiddrop.transformer.drawing;

import org.jspecify.annotations.NullMarked;
