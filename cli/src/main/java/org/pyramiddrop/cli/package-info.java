/** The {@code pyramiddrop} command. */
@NullMarked
package org.pyramiddrop.cli;

import org.jspecify.annotations.NullMarked;
