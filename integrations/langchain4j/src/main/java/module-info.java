/** PyramidDrop's models as chat models of LangChain4j. */
@SuppressWarnings("requires-transitive-automatic") // LangChain4j has no module descriptor.
module org.pyramiddrop.langchain4j {
  requires java.net.http;
  requires static org.jspecify;
  requires transitive langchain4j.core;
  requires transitive org.pyramiddrop.transformer;

  exports org.pyramiddrop.langchain4j;
}
