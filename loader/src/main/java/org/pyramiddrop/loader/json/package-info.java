/** JSON values, read by the streaming half of Jackson alone; for the loader's own use. */
@NullMarked
package org.pyramiddrop.loader.json;

import org.jspecify.annotations.NullMarked;
