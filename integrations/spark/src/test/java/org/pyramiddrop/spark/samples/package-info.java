/** Programs to begin with. */
@NullMarked
package org.pyramiddrop.spark.samples;

import org.jspecify.annotations.NullMarked;
