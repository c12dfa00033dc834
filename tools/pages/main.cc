// Writes what is installed beside the programs and made from their declarations: manual pages and completions.
#include <fstream>
#include <iostream>

#include "tools/cli/completion.h"
#include "tools/cli/man_page.h"
#include "tools/cli/version.h"
#include "tools/vortex-node/settings.h"
#include "tools/vortex/commands.h"

namespace {

std::string node_page() {
  using vortex::cli::roff;
  return ".TH VORTEX\\-NODE 8 \"\" \"VortexNetFS " + vortex::cli::version().version +
         "\"\n"
         ".SH NAME\nvortex\\-node \\- a node of a VortexNetFS cluster\n"
         ".SH SYNOPSIS\n"
         "\\fBvortex\\-node\\fR \\-\\-data \\fIDIR\\fR (\\-\\-create | \\-\\-join \\fITOKEN\\fR) [options]\n.br\n"
         "\\fBvortex\\-node\\fR \\-\\-data \\fIDIR\\fR [options]\n"
         ".SH DESCRIPTION\n"
         "The first start creates a cluster or joins one; later the directory alone is enough. \\fB\\-\\-create\\fR "
         "writes "
         "the root access key to \\fIDIR/root.key\\fR and a join token to \\fIDIR/join.token\\fR. When the node takes "
         "part "
         "in its cluster it prints one line, \\fBready id=… listen=…\\fR, and tells systemd.\n"
         ".SH OPTIONS\n.nf\n" +
         roff(vortex::node_options_help()) +
         ".fi\n"
         ".SH SIGNALS\n"
         ".TP\n\\fBSIGTERM\\fR, \\fBSIGINT\\fR\nfinish what is in flight, hand leaderships over and end with status 0; "
         "a second one ends the process at once\n"
         ".TP\n\\fBSIGHUP\\fR\nopen the log file anew\n"
         ".SH EXIT STATUS\n"
         "0 after a signal; 2 when what it was told is wrong; 70 when its disk could not keep a promise; others as "
         "\\fBvortex\\fR(1) lists them.\n"
         ".SH SEE ALSO\n\\fBvortex\\fR(1)\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: vortex-pages DIRECTORY\n";
    return 2;
  }
  auto write = [directory = std::string(argv[1])](const std::string& name, const std::string& text) {
    std::ofstream file(directory + "/" + name, std::ios::binary);
    file << text;
    return file.flush().good();
  };
  auto commands = vortex::commands();
  bool done = write("vortex.1", vortex::cli::man_page(commands)) && write("vortex-node.8", node_page()) &&
              write("vortex.bash", vortex::cli::bash_completion(commands)) &&
              write("_vortex", vortex::cli::zsh_completion(commands));
  if (!done) std::cerr << "cannot write to " << argv[1] << "\n";
  return done ? 0 : 1;
}
