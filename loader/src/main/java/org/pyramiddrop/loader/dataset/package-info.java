/** Datasets as they lie on disk: files of entries, and folders of the images that they name. */
@NullMarked
package org.pyramiddrop.loader.dataset;

import org.jspecify.annotations.NullMarked;
