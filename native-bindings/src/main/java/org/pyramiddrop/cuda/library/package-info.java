/** Where the native libraries are that the bindings call. */
@NullMarked
package org.pyramiddrop.cuda.library;

import org.jspecify.annotations.NullMarked;
