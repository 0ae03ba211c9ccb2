/** CUDA through the Foreign Function and Memory API. */
module org.pyramiddrop.cuda {
  requires static org.jspecify;

  exports org.pyramiddrop.cuda;
}
