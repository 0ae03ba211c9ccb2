/** One model asked thousands of times, while what its process takes is watched. */
@NullMarked
package org.pyramiddrop.soak;

import org.jspecify.annotations.NullMarked;
