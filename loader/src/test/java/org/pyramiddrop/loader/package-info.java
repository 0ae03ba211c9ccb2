@NullMarked
package org.pyramiddrop.loader;

import org.jspecify.annotations.NullMarked;
