/** Charts of results. */
@NullMarked
package org.pyramiddrop.training.chart;

import org.jspecify.annotations.NullMarked;
