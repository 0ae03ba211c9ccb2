/** An application on the module path. */
module example {
  requires org.pyramiddrop;
}
