/** A checkpoint's parts on a device, made to run again and again: what benchmarks measure. */
@NullMarked
package org.pyramiddrop.bench.model;

import org.jspecify.annotations.NullMarked;
