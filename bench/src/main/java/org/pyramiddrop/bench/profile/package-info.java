/** Where the time of a prefill, a decode step and a picture's encoding goes, launch by launch. */
@NullMarked
package org.pyramiddrop.bench.profile;

import org.jspecify.annotations.NullMarked;
