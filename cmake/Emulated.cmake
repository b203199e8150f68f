# CUDA sources compiled by the host's compiler for the SIMT emulator.

# A hook at every access to memory (kernels/simt/access_hooks.cpp has them; ThreadSanitizer's library is not linked), and
# line numbers for reports.
set(SEQPE_CHECKER_OPTIONS -fsanitize=thread -g -O1)

# seqpe_emulated_sources(file.cu...): makes them C++ in this directory.
function(seqpe_emulated_sources)
  set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CXX)
endfunction()
