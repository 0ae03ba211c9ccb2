/** Questions about images with accepted answers, and the rules that score a model's answers. */
@NullMarked
package org.pyramiddrop.bench.accuracy.dataset;

import org.jspecify.annotations.NullMarked;
