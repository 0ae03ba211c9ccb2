/** LLaVA models behind LangChain4j's chat model interfaces, in the caller's own process. */
@NullMarked
package org.pyramiddrop.langchain4j;

import org.jspecify.annotations.NullMarked;
