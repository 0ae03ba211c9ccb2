/** The {@code pyramiddrop} command. */
module org.pyramiddrop.cli {
  requires static org.jspecify;
  requires info.picocli;
  requires java.management;
  requires jdk.management;
  requires me.tongfei.progressbar;
  requires org.jline.reader;
  requires org.jline.terminal;
  requires org.pyramiddrop.serve;
  requires org.pyramiddrop.training;
  requires org.pyramiddrop.transformer;
  requires tools.jackson.databind;

  opens org.pyramiddrop.cli to
      info.picocli,
      tools.jackson.databind;
}
