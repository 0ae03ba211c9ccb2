/** Charts of results. */
@NullMarked
package org.pyramiddrop.bench.chart;

import org.jspecify.annotations.NullMarked;
