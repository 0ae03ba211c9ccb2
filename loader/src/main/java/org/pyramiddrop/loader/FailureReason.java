package org.pyramiddrop.loader;

import java.io.EOFException;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import org.jspecify.annotations.Nullable;

/** Why something failed, in words for a message; exceptions often carry a path or nothing. */
final class FailureReason {
  private FailureReason() {}

  static String of(Throwable failure) {
    String known = said(failure);
    Throwable cause = failure.getCause();
    if (cause == null) {
      return known.isEmpty() ? kind(failure) : known;
    }
    // A decoder's own exception says little; what it ran into says more.
    if (known.isEmpty() || known.equals(cause.toString())) {
      return of(cause);
    }
    String inner = said(cause);
    return inner.isEmpty() || known.contains(inner) ? known : known + ": " + inner;
  }

  private static String said(Throwable failure) {
    return switch (failure) {
      case NoSuchFileException _ -> "no such file";
      case AccessDeniedException _ -> "permission denied";
      case FileSystemException e -> text(e.getReason());
      case ClosedByInterruptException _ -> "the thread was interrupted";
      default -> text(failure.getMessage());
    };
  }

  // A message that was put together from nothing is no better than none.
  private static String text(@Nullable String message) {
    return message == null || message.equals("null") ? "" : message.strip();
  }

  private static String kind(Throwable failure) {
    return switch (failure) {
      case EOFException _ -> "it ends too early";
      case FileSystemException _ -> "the file system gives no reason";
      case IOException _ -> "reading failed without a reason";
      default -> "it holds numbers that don't fit together";
    };
  }
}
