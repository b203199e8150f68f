# seqpe_embed_files(TARGET file...): puts files into TARGET as they are, found by name at run time
# (models/recipes/embedded.h). The assembler's .incbin copies any bytes in no time.
function(seqpe_embed_files target)
  set(assembly "    .section .rodata\n")
  set(declarations "")
  set(entries "")
  set(index 0)
  set(paths "")
  foreach(file IN LISTS ARGN)
    get_filename_component(name "${file}" NAME)
    get_filename_component(path "${file}" ABSOLUTE)
    list(APPEND paths "${path}")
    string(APPEND assembly "    .balign 16\n    .global seqpe_embedded_${index}\nseqpe_embedded_${index}:\n"
      "    .incbin \"${path}\"\n    .global seqpe_embedded_${index}_end\nseqpe_embedded_${index}_end:\n    .byte 0\n")
    string(APPEND declarations "extern \"C\" const char seqpe_embedded_${index}[];\n"
      "extern \"C\" const char seqpe_embedded_${index}_end[];\n")
    string(APPEND entries "      {\"${name}\", text(seqpe_embedded_${index}, seqpe_embedded_${index}_end)},\n")
    math(EXPR index "${index} + 1")
  endforeach()
  string(APPEND assembly "    .section .note.GNU-stack,\"\",@progbits\n")
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/embedded")
  file(CONFIGURE OUTPUT "${folder}/embedded.S" CONTENT "${assembly}" @ONLY)
  file(CONFIGURE OUTPUT "${folder}/embedded.cpp" CONTENT "#include \"models/recipes/embedded.h\"

${declarations}
namespace seqpe::models {
namespace {
std::string_view text(const char* begin, const char* end) { return {begin, static_cast<std::size_t>(end - begin)}; }
}  // namespace

std::span<const EmbeddedFile> embedded_files() {
  static const EmbeddedFile files[] = {
${entries}  };
  return files;
}

}  // namespace seqpe::models
" @ONLY)
  set_source_files_properties("${folder}/embedded.S" PROPERTIES OBJECT_DEPENDS "${paths}")
  target_sources(${target} PRIVATE "${folder}/embedded.S" "${folder}/embedded.cpp")
endfunction()
