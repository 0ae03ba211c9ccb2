/** The server before whole models. */
@NullMarked
package org.pyramiddrop.serve;

import org.jspecify.annotations.NullMarked;
