package org.pyramiddrop.transformer.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Lets the threads that ask a model take turns on its device, in the order they came, and lets
 * nobody in once the model closes.
 */
public final class DeviceTurns {
  /** Work that needs the device to itself. */
  @FunctionalInterface
  public interface Work<T> {
    /** Does it. */
    T run();
  }

  /** Guards the device, which one thread at a time may use, and what follows. */
  private final ReentrantLock device = new ReentrantLock(true);

  private final Condition lastLeft = device.newCondition();

  /** One entry a running question. */
  private final List<Thread> asking = new ArrayList<>();

  private boolean closing;

  /**
   * Lets a question in.
   *
   * @throws IllegalStateException if the model is closed, or if a listener asks this in the middle
   *     of a turn
   */
  public void enter() {
    if (device.isHeldByCurrentThread()) {
      throw new IllegalStateException(
          "a listener can't ask the model while it hears of progress; ask when this answer is"
              + " there");
    }
    device.lock();
    try {
      if (closing) {
        throw closed();
      }
      asking.add(Thread.currentThread());
    } finally {
      device.unlock();
    }
  }

  /** Lets a question go. */
  public void leave() {
    device.lock();
    try {
      asking.remove(Thread.currentThread());
      lastLeft.signalAll();
    } finally {
      device.unlock();
    }
  }

  /**
   * Waits for a turn and takes it.
   *
   * @throws IllegalStateException if the model is closed
   */
  public <T> T run(Work<T> work) {
    device.lock();
    try {
      if (closing) {
        throw closed();
      }
      return work.run();
    } finally {
      device.unlock();
    }
  }

  /** Waits for a turn to free or keep something, which is let in while the model closes too. */
  public void release(Runnable work) {
    device.lock();
    try {
      work.run();
    } finally {
      device.unlock();
    }
  }

  /**
   * Waits for the last question to leave, then frees everything.
   *
   * @throws IllegalStateException if a thread that asks calls this, whose own answer could then
   *     never end
   */
  public void close(Runnable free) {
    device.lock();
    try {
      if (asking.contains(Thread.currentThread())) {
        throw new IllegalStateException(
            "a listener can't close the model; return false and close it after");
      }
      closing = true;
      while (!asking.isEmpty()) {
        lastLeft.awaitUninterruptibly();
      }
      free.run();
    } finally {
      device.unlock();
    }
  }

  /** Ends a question whose thread is interrupted; the interrupt stays set. */
  public static void refuseIfInterrupted() {
    if (Thread.currentThread().isInterrupted()) {
      throw new CancellationException("interrupted while the prompt was read");
    }
  }

  private static IllegalStateException closed() {
    return new IllegalStateException("the model is closed");
  }
}
