/** Tests that cross modules. */
@NullMarked
package org.pyramiddrop;

import org.jspecify.annotations.NullMarked;
