/** From results to text, Markdown, CSV and JSON. */
@NullMarked
package org.pyramiddrop.bench.report;

import org.jspecify.annotations.NullMarked;
