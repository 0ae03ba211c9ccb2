/** CUDA through the Foreign Function and Memory API. */
@NullMarked
package org.pyramiddrop.cuda;

import org.jspecify.annotations.NullMarked;
