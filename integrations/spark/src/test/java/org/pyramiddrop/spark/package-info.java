@NullMarked
package org.pyramiddrop.spark;

import org.jspecify.annotations.NullMarked;
