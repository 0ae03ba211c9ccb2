/** Where the time of a prefill, a decode step and an image's encoding goes, launch by launch. */
@NullMarked
package org.pyramiddrop.bench.speed.profile;

import org.jspecify.annotations.NullMarked;
