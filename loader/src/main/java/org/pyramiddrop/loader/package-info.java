/**
 * What a LLaVA run reads from disk: the checkpoint's tensors and configuration, its tokenizer and
 * chat template, and images prepared for the vision tower.
 */
@NullMarked
package org.pyramiddrop.loader;

import org.jspecify.annotations.NullMarked;
