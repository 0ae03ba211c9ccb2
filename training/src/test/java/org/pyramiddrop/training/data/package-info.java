@NullMarked
package org.pyramiddrop.training.data;

import org.jspecify.annotations.NullMarked;
