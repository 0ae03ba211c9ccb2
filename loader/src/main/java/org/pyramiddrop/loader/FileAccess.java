package org.pyramiddrop.loader;

/** How the data of safetensors files gets into memory. */
public enum FileAccess {
  /**
   * Mapped: opening takes no longer for a large file, and data is read from disk when it is first
   * touched. The files must stay as they are until they are closed: reading data of one that was
   * cut short is an {@link InternalError} at best and the end of the process (SIGBUS) at worst.
   */
  MAPPED,

  /**
   * Copied into native memory as a file is opened, which needs as much memory as the file is long;
   * in {@link HugePages} where there are some. The file may change or go from then on.
   */
  COPIED
}
