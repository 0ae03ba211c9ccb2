@NullMarked
package org.pyramiddrop.langchain4j;

import org.jspecify.annotations.NullMarked;
