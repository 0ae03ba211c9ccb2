/**
 * Questions about the pictures of a Spark DataFrame: {@link org.pyramiddrop.spark.ImageQuestions}.
 */
@NullMarked
package org.pyramiddrop.spark;

import org.jspecify.annotations.NullMarked;
