package org.pyramiddrop.cuda;

/** Something the driver made, closed once, by the thread that owns its context. */
abstract class NativeResource implements AutoCloseable {
  private final Context context;
  private final String title;
  private boolean closed;

  /**
   * A resource that is open.
   *
   * @param title what it is, in a message
   */
  NativeResource(Context context, String title) {
    this.context = context;
    this.title = title;
  }

  final Context context() {
    return context;
  }

  /** Throws unless this is open and the calling thread may use it. */
  final void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the %s is closed".formatted(title));
    }
    context.requireOpen();
  }

  /** Gives it back to the driver; a second call does nothing. */
  @Override
  public final void close() {
    if (closed) {
      return;
    }
    context.requireOpen();
    closed = true;
    context.unregister(this);
    release();
  }

  /** Gives everything back, whatever fails on the way. */
  abstract void release();
}
