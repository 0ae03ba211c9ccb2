/**
 * The paper's experiments that need no training, over any set of questions about images.
 *
 * <p>An {@link org.pyramiddrop.bench.accuracy.experiment.Experiment} says which {@link
 * org.pyramiddrop.bench.accuracy.experiment.Variant}s of a model it compares. A {@link
 * org.pyramiddrop.bench.accuracy.experiment.Evaluation} asks each of them every question and keeps
 * the answers in a {@link org.pyramiddrop.bench.accuracy.experiment.Journal}, which outlives an
 * interrupted run and which all experiments share. What an experiment then writes follows from the
 * journal alone, but for drawings, for which the model is asked again.
 */
@NullMarked
package org.pyramiddrop.bench.accuracy.experiment;

import org.jspecify.annotations.NullMarked;
