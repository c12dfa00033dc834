#include "tools/cli/completion.h"

#include <algorithm>
#include <map>
#include <set>

namespace vortex::cli {

namespace {

struct Word {
  std::string word;
  std::string summary;
};

// What may come behind the beginning of a command's name, "" being nothing typed yet.
std::map<std::string, std::vector<Word>> next_words(const std::vector<Command>& commands) {
  std::map<std::string, std::vector<Word>> next;
  next[""].push_back({"help", "what a command does and how"});
  for (const Command& command : commands) {
    std::string before;
    for (std::size_t at = 0; at < command.name.size();) {
      std::size_t end = std::min(command.name.find(' ', at), command.name.size());
      std::string word = command.name.substr(at, end - at);
      bool last = end == command.name.size();
      auto& words = next[before];
      auto same = [&word](const Word& known) { return known.word == word; };
      if (std::find_if(words.begin(), words.end(), same) == words.end())
        words.push_back({word, last ? command.summary : "…"});
      before = command.name.substr(0, end);
      at = end + 1;
    }
  }
  return next;
}

std::string join(const std::vector<Word>& words) {
  std::string out;
  for (const Word& word : words) out += (out.empty() ? "" : " ") + word.word;
  return out;
}

std::vector<Word> flag_words(const std::vector<Flag>& flags) {
  std::vector<Word> words;
  for (const Flag& flag : flags) words.push_back({flag.name, flag.help});
  return words;
}

// Flags of any command that take a value: the word behind them is none of a command's.
std::string value_flags(const std::vector<Command>& commands) {
  std::set<std::string> names;
  auto add = [&names](const std::vector<Flag>& flags) {
    for (const Flag& flag : flags)
      if (!flag.value.empty()) names.insert(flag.name);
  };
  add(global_flags());
  for (const Command& command : commands) add(command.flags);
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : "|") + name;
  return out;
}

// Finds the command among the words typed so far: the same lines in both shells, but for where words begin.
std::string find_command(const std::vector<Command>& commands, const std::string& names, const std::string& words,
                         const std::string& first, const std::string& current) {
  return "  local command=\"\" i word\n"
         "  for ((i = " +
         first + "; i < " + current + "; i++)); do\n    word=\"${" + words +
         "[i]}\"\n"
         "    case \"$word\" in\n"
         "      " +
         value_flags(commands) +
         ") i=$((i + 1)); continue ;;\n"
         "      -*) continue ;;\n"
         "    esac\n"
         "    case \"|" +
         names +
         "|\" in\n"
         "      *\"|${command:+$command }$word|\"*) command=\"${command:+$command }$word\" ;;\n"
         "      *) break ;;\n"
         "    esac\n"
         "  done\n";
}

// Every command and every beginning of one.
std::string all_names(const std::vector<Command>& commands) {
  std::set<std::string> names;
  for (const Command& command : commands) names.insert(command.name);
  for (const auto& [before, words] : next_words(commands))
    if (!before.empty()) names.insert(before);
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : "|") + name;
  return out;
}

// For zsh, which takes a colon for the end of the word.
std::string described(const Word& word) {
  std::string out = "'";
  for (char c : word.word) out += c == ':' ? std::string("\\:") : std::string(1, c);
  out += ":";
  for (char c : word.summary) out += c == '\'' ? std::string("’") : std::string(1, c);
  return out + "'";
}

bool takes_cluster_paths(const Command& command) {
  return command.arguments.find("PATH") != std::string::npos || command.arguments.find("DST") != std::string::npos;
}

std::string path_commands(const std::vector<Command>& commands) {
  std::string out;
  for (const Command& command : commands)
    if (takes_cluster_paths(command)) out += (out.empty() ? "\"" : "|\"") + command.name + "\"";
  return out;
}

}  // namespace

std::string bash_completion(const std::vector<Command>& commands) {
  std::string out =
      "# What bash completes after `vortex`. Made from the program's own list of commands: vortex completion bash\n"
      "_vortex() {\n"
      "  local current=\"${COMP_WORDS[COMP_CWORD]}\" words=\"\" flags=\"" +
      join(flag_words(global_flags())) + "\"\n" +
      find_command(commands, all_names(commands), "COMP_WORDS", "1", "COMP_CWORD") + "  case \"$command\" in\n";
  for (const auto& [before, words] : next_words(commands))
    out += "    \"" + before + "\") words=\"" + join(words) + "\" ;;\n";
  out += "  esac\n  case \"$command\" in\n";
  for (const Command& command : commands)
    if (!command.flags.empty())
      out += "    \"" + command.name + "\") flags=\"" + join(flag_words(command.flags)) + " $flags\" ;;\n";
  out +=
      "  esac\n"
      "  if [[ $current == -* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$flags\" -- \"$current\"))\n"
      "  elif [[ -n $words ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "  else\n"
      "    COMPREPLY=()\n"
      "    case \"$command\" in " +
      path_commands(commands) +
      ")\n"
      "      if [[ $current == /* ]]; then\n"
      "        local IFS=$'\\n' folder=\"${current%/*}/\"\n"
      "        COMPREPLY=($(compgen -P \"$folder\" -W \"$(vortex --timeout 2 ls \"$folder\" 2>/dev/null)\" -- "
      "\"${current##*/}\"))\n"
      "        compopt -o nospace 2>/dev/null\n"
      "      fi ;;\n"
      "    esac\n"
      "  fi\n"
      "}\n"
      "complete -o default -F _vortex vortex\n";
  return out;
}

std::string zsh_completion(const std::vector<Command>& commands) {
  std::string out =
      "#compdef vortex\n"
      "# What zsh completes after `vortex`. Made from the program's own list of commands: vortex completion zsh\n"
      "_vortex() {\n"
      "  local -a entries flags paths\n"
      "  flags=(";
  for (const Word& word : flag_words(global_flags())) out += described(word) + " ";
  out += ")\n" + find_command(commands, all_names(commands), "words", "2", "CURRENT") + "  case \"$command\" in\n";
  for (const auto& [before, words] : next_words(commands)) {
    out += "    \"" + before + "\") entries=(";
    for (const Word& word : words) out += described(word) + " ";
    out += ") ;;\n";
  }
  out += "  esac\n  case \"$command\" in\n";
  for (const Command& command : commands) {
    if (command.flags.empty()) continue;
    out += "    \"" + command.name + "\") flags+=(";
    for (const Word& word : flag_words(command.flags)) out += described(word) + " ";
    out += ") ;;\n";
  }
  out +=
      "  esac\n"
      "  if [[ $PREFIX == -* ]]; then\n"
      "    _describe option flags\n"
      "  elif (( ${#entries} )); then\n"
      "    _describe command entries\n"
      "  else\n"
      "    case \"$command\" in " +
      path_commands(commands) +
      ")\n"
      "      if [[ $PREFIX == /* ]]; then\n"
      "        local folder=\"${PREFIX%/*}/\"\n"
      "        paths=(\"$folder\"${(f)^\"$(vortex --timeout 2 ls \"$folder\" 2>/dev/null)\"})\n"
      "        compadd -S '' -a paths\n"
      "      fi ;;\n"
      "    esac\n"
      "    _files\n"
      "  fi\n"
      "}\n"
      "_vortex \"$@\"\n";
  return out;
}

}  // namespace vortex::cli
