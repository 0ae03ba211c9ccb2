/** A server that answers chat completions over HTTP. */
@NullMarked
package org.pyramiddrop.serve;

import org.jspecify.annotations.NullMarked;
