import { fourEyes, overtaken, platformRule } from '../person-rules/keepers.ts'
import { keptBy, serverManagers, theSender } from './kept-by.ts'

/** What refuses people who register, change and look for agents, teams, servers, tools and views. */
export const registryRuleWords = {
  ...keptBy(fourEyes, {
    'registry:own_proposal': [
      'Nobody confirms what they proposed',
      'What loosens a control of a server takes two people.',
      'Have somebody else who manages servers confirm it.',
    ],
    'registry:own_team': [
      'Some roles act for their own teams only',
      'With the roles of this person one changes agents of one’s own teams.',
      'Ask a member of the team that owns it, or somebody whose role reaches every team.',
    ],
    'lifecycle:own_tier': [
      'Nobody sets the tier of their own agent',
      'Which rules hold for an agent goes by its tier, so neither who is accountable for it nor its team changes that.',
      'Ask security or the platform team.',
    ],
    owning_team: [
      'Credentials of an agent are its team’s',
      'Only members of the team that owns an agent issue and take back its credentials.',
      'Ask a member of the team.',
    ],
  }),
  ...keptBy(overtaken, {
    'registry:already_decided': [
      'A finding is decided once',
      'What was found unregistered was adopted or dismissed before.',
      'Read what was decided.',
    ],
    'registry:proposal_ended': [
      'Only what still waits is confirmed or taken back',
      'What was proposed was confirmed, taken back or replaced, or its time is over.',
      'Propose it again.',
    ],
    'registry:server_changed': [
      'One confirms what was proposed of what there is',
      'The server is not any more what it was when it was proposed.',
      'Read what it is now, and propose it again.',
    ],
    'registry:tool_changed': [
      'One decides about the definition that one has read',
      'The tool, or what was decided about it, changed since.',
      'Read its definition, then decide about that one.',
    ],
    'registry:tool_removed': [
      'Only about tools that the server has',
      'The server does not list the tool any more.',
      'If it is back, wait a minute: brokers list the tools of the server again by themselves.',
    ],
    'registry:view_saved_since': [
      'Nobody saves over what somebody else has saved',
      'The view was saved since it was opened.',
      'Revert to what was saved, or save it under another name.',
    ],
    'lifecycle:activate': [
      'Only an agent that is being made becomes active',
      'The agent is not in the state from which this is done, or not any more.',
      'Read in which state it is now.',
    ],
    'lifecycle:suspend': [
      'Only an active agent is suspended',
      'The agent is not in the state from which this is done, or not any more.',
      'Read in which state it is now.',
    ],
    'lifecycle:resume': [
      'Only a suspended agent is resumed',
      'The agent is not in the state from which this is done, or not any more.',
      'Read in which state it is now.',
    ],
    'lifecycle:retire': ['An agent is retired once', 'A retired agent stays retired.', 'Nothing is left to do.'],
    'lifecycle:not_orphaned': [
      'Only an agent without an accountable person is taken over',
      'Somebody who can sign in is accountable for it, or it is retired.',
      'Name somebody else in its registry entry.',
    ],
    'lifecycle:version_moved': [
      'Nobody overwrites a version that they have not seen',
      'A newer version of the agent was made while this one was edited.',
      'Look at the newer one, then make the change to that.',
    ],
    'lifecycle:plan_changed': [
      'One applies the plan that one has read',
      'Something has changed since the plan was made.',
      'Look at the new plan, then apply that one.',
    ],
    'creation:nothing_failed': [
      'Only a creation that failed is tried again',
      'No step of its creation has failed.',
      'Nothing is left to do.',
    ],
    'run:not_open': [
      'Only a run that goes on is stopped',
      'The run has ended, or is being stopped already.',
      'Read how it ended.',
    ],
    'people:active': ['Only who is away comes back', 'The person is active.', 'Nothing is left to do.'],
    'people:inactive': ['Only who is active leaves', 'The person is deactivated already.', 'Nothing is left to do.'],
  }),
  ...keptBy(serverManagers, {
    'registry:approver_may_not': [
      'Who is asked about tools may decide about them',
      'The person who was named cannot sign in, or has no role that manages servers.',
      'Name an active person with such a role.',
    ],
    'registry:finding_open': [
      'What guards a server less is accepted by name',
      'Something was found when the server was looked at, and nobody has accepted it.',
      'Mend it, or accept it by its name.',
    ],
    'registry:reason_needed': [
      'What loosens a control or disables a server has a reason',
      'A server is to be disabled, or a tool was suspended because it changed, or is to be of a lower class than its server declares.',
      'Say why.',
    ],
    'registry:reason_unused': [
      'A reason is of what it is asked for',
      'Of the changes of a server only disabling it has a reason, and this is none.',
      'Leave the reason out.',
    ],
    'registry:no_process': [
      'Only a server over stdio has processes',
      'The server is reached over HTTP, so there is none to share or keep apart.',
      'Change the processes of a server over stdio.',
    ],
    'registry:transport_fixed': [
      'A server stays what it was registered as',
      'Whether a server is reached over HTTP or is a program does not change.',
      'Register another server.',
    ],
    'registry:credential_of_program': [
      'A program is given the values of its variables',
      'The server is a program: what is set as its credential is put into its variables, and it takes no other kind.',
      'Set the value of its variable, or a JSON object with the values of all of them, of the kind bearer.',
    ],
  }),
  ...keptBy(platformRule, {
    'registry:address_refused': [
      'Some addresses are called by no broker',
      'It is a link-local or metadata address, where secrets of the machine would be.',
      'Give an address of a server.',
    ],
    'registry:default_view': [
      'A view that people begin with stays shared',
      'Some roles begin with this view.',
      'Have them begin with another one first.',
    ],
    'registry:own_view': [
      'A shared view is changed by who made it',
      'Somebody else made the view.',
      'Save it under a name of your own, or ask them or a platform admin.',
    ],
    'registry:view': [
      'Only a view that one can see',
      'There is no such view of your own or shared with you.',
      'Choose one of the list.',
    ],
    'registry:view_name': [
      'Each view has its own name',
      'You have a view of this name already.',
      'Choose another name.',
    ],
    'registry:views_max': ['Views are a list to choose from', 'You have as many as one may.', 'Delete one first.'],
    'lifecycle:orphaned': [
      'An agent has an accountable person before it goes on',
      'Whoever is accountable for it cannot sign in any more.',
      'Take it over, or name somebody else, then resume it.',
    ],
    'lifecycle:retired': [
      'A retired agent stays as it is',
      'Retirement is for good: nothing of the agent is changed.',
      'Register another agent.',
    ],
    'people:oneself': [
      'Nobody deactivates themselves',
      'An installation without its last admin could not be repaired.',
      'Have another platform admin do it.',
    ],
    'templates:published_is_final': [
      'A published version stays as it is',
      'Agents run on it, so its content does not change any more.',
      'Publish another version.',
    ],
  }),
  ...keptBy(theSender, {
    'registry:id_taken': ['An id is of one thing', 'There is something of this id already.', 'Choose another id.'],
    'registry:query': [
      'A query is in the words of the catalog',
      'Something in the query is no qualifier or value that there is.',
      'Mend what the message names.',
    ],
    'registry:cursor': [
      'A page link is used as it was given',
      'It is damaged, or of another list or sorting.',
      'Start from the first page.',
    ],
    'registry:package_unknown': [
      'A program comes from a package that was fetched',
      'No package of this name, version, integrity and lock was fetched here.',
      'Fetch the package first, then register the server with what it says.',
    ],
    'registry:package_program': [
      'A package starts what it brings',
      'The package has no program of this name.',
      'Choose one of the programs that the message names.',
    ],
    'registry:import': [
      'A file is read as a whole or not at all',
      'A line of the file cannot be taken.',
      'Mend the line that the message names.',
    ],
    'registry:server_json': [
      'A server is described as its registry does',
      'The document is no server.json.',
      'Mend what the message names.',
    ],
    'registry:prompt_too_long': [
      'A team’s part of a prompt has 20,000 characters at most',
      'The prompt that the agent has at Claude is longer.',
      'Send the part that is to stay.',
    ],
    'lifecycle:cursor': ['A page link is used as it was given', 'It is damaged.', 'Start from the first page.'],
    'lifecycle:manifest': [
      'A manifest is read as a whole or not at all',
      'A line of it cannot be taken.',
      'Mend the line that the message names.',
    ],
    'lifecycle:prune_set': [
      'Only a named set is pruned',
      'Without a name it is not known what the set has created.',
      'Name the set.',
    ],
    'lifecycle:schedule': [
      'A schedule has five cron fields in UTC',
      'It cannot be read as such.',
      'Mend what the message names.',
    ],
  }),
}
