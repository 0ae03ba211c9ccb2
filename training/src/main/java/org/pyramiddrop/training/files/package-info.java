/** What training leaves on disk: model folders, adapters, and runs that can go on. */
@NullMarked
package org.pyramiddrop.training.files;

import org.jspecify.annotations.NullMarked;
