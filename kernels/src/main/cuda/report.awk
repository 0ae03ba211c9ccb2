# What ptxas says of each kernel (nvcc -Xptxas -v), as a table; fails on spilled registers and on local memory.

# The number at the beginning of the text that matches, or 0.
function number(pattern) {
  return match($0, pattern) ? substr($0, RSTART) + 0 : 0
}

function fault(what) {
  print "kernels: " callable " for " arch " has " what | "cat >&2"
  faults++
}

/Compiling entry function/ {
  split($0, quoted, "'")
  kernel = quoted[2]
  arch = quoted[4]
}

# A kernel's own, or those of a function it calls.
/Function properties for/ { callable = $NF }

/bytes stack frame/ {
  stack = number("[0-9]+ bytes stack frame")
  spills = number("[0-9]+ bytes spill stores") + number("[0-9]+ bytes spill loads")
  if (spills > 0) {
    fault(spills " bytes of spilled registers")
  } else if (stack > 0) {
    fault(stack " bytes of local memory")
  }
  if (callable == kernel) spilled[kernel] = spills
}

/Used [0-9]+ registers/ {
  if (!(arch in columns)) {
    columns[arch] = ++archs
    names[archs] = arch
  }
  cells[kernel, columns[arch]] = \
    sprintf("%9d %6d %5d", number("[0-9]+ registers"), number("[0-9]+ bytes smem"), spilled[kernel])
  kernels[kernel] = 1
}

END {
  for (kernel in kernels) found++
  if (found == 0) {
    print "kernels: ptxas reported no kernel" | "cat >&2"
    exit 1
  }
  printf "%-32s", ""
  for (c = 1; c <= archs; c++) printf "  %22s", names[c]
  printf "\n%-32s", "kernel"
  for (c = 1; c <= archs; c++) printf "  %9s %6s %5s", "registers", "shared", "spill"
  print ""
  fflush()
  for (kernel in kernels) {
    line = sprintf("%-32s", kernel)
    for (c = 1; c <= archs; c++) line = line sprintf("  %22s", cells[kernel, c])
    print line | "sort"
  }
  close("sort")
  if (faults > 0) exit 1
}
