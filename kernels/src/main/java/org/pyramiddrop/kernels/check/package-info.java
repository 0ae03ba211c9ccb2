/** What every device refuses alike. */
@NullMarked
package org.pyramiddrop.kernels.check;

import org.jspecify.annotations.NullMarked;
