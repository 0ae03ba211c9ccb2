package org.pyramiddrop.cli;

/** How a command writes what it found out. */
enum Format {
  /** For people. */
  TEXT,
  /** One JSON object on stdout and nothing else. */
  JSON
}
