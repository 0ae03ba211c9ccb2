@NullMarked
package org.pyramiddrop.training.files;

import org.jspecify.annotations.NullMarked;
