/** Tasks: work that goes on after the call returned. */
import {
  faults,
  localized,
  type ManagedObjectReference,
  make,
  moref,
  VimFaultError,
  type VimObject,
} from '../../../src/vim/index.ts';
import { isoTime } from '../../clock.ts';
import type { Call, ManagedObject } from '../managed-object.ts';
import type { Service } from '../service.ts';
import type { HostNode } from './host-node.ts';

/** Tasks that stay readable after their end. */
const KEPT_TASKS = 200;
const KEPT_HOST_TASKS = 10;

interface TaskState {
  readonly ref: ManagedObjectReference;
  state: 'queued' | 'running' | 'success' | 'error';
  startTime: number | undefined;
  completeTime: number | undefined;
  error: VimObject | undefined;
}

interface TaskList {
  next: number;
  readonly recent: ManagedObjectReference[];
}

const lists = new WeakMap<Service, TaskList>();

function taskList(service: Service): TaskList {
  const found = lists.get(service) ?? { next: 1, recent: [] };
  lists.set(service, found);
  return found;
}

/** Newest tasks first. */
export function recentTasks(service: Service): readonly ManagedObjectReference[] {
  return taskList(service).recent;
}

function time(value: number | undefined): string | undefined {
  return value === undefined ? undefined : isoTime(value);
}

function info(task: TaskState, node: HostNode, name: string, user: string, queued: number, chain: number): VimObject {
  const operation = name.replace(/_Task$/, '');
  const descriptionId = `HostSystem.${DESCRIPTION[operation] ?? operation}`;
  return make('TaskInfo', {
    key: task.ref.value,
    task: task.ref,
    description: make('LocalizableMessage', { key: `${descriptionId}.summary`, message: operation }),
    name,
    descriptionId,
    entity: node.ref,
    entityName: node.host.name,
    state: task.state,
    cancelled: false,
    cancelable: false,
    error: task.error,
    reason: make('TaskReasonUser', { userName: user }),
    queueTime: isoTime(queued),
    startTime: time(task.startTime),
    completeTime: time(task.completeTime),
    eventChainId: chain,
  });
}

/** Operation names of the API's own task descriptions. */
const DESCRIPTION: Readonly<Record<string, string>> = {
  RebootHost: 'reboot',
  ShutdownHost: 'shutdown',
  EnterMaintenanceMode: 'enterMaintenanceMode',
  ExitMaintenanceMode: 'exitMaintenanceMode',
  DisconnectHost: 'disconnect',
  ReconnectHost: 'reconnect',
};

function taskId(service: Service, node: HostNode, number: number): string {
  return service.world.mode === 'host' ? `haTask-${node.ref.value}-vim.HostSystem.${number}` : `task-${number}`;
}

/**
 * Starts `run` as a task of a host and returns the task's reference. One task at a time for each host: InvalidState
 * while another runs.
 */
export function startTask(
  node: HostNode,
  method: string,
  call: Call,
  run: () => Promise<void>,
): ManagedObjectReference {
  if (node.busy) throw faults.invalidState();
  const { service } = call;
  const { clock } = service.world;
  const all = taskList(service);
  const number = all.next++;
  const ref = moref('Task', taskId(service, node, number));
  const task: TaskState = { ref, state: 'queued', startTime: undefined, completeTime: undefined, error: undefined };
  const queued = clock.now();
  const user = call.session?.userName ?? '';
  const object: ManagedObject = {
    ref,
    properties: { info: () => info(task, node, method, user, queued, number) },
    methods: {},
  };
  service.add(object);
  all.recent.unshift(ref);
  for (const old of all.recent.splice(KEPT_TASKS)) service.remove(old.value);
  node.recentTasks = [ref, ...node.recentTasks].slice(0, KEPT_HOST_TASKS);
  node.busy = true;

  const work = async (): Promise<void> => {
    task.state = 'running';
    task.startTime = clock.now();
    service.changed();
    try {
      await run();
      task.state = 'success';
    } catch (error) {
      task.state = 'error';
      const reason = error instanceof Error ? error.message : String(error);
      task.error = localized(error instanceof VimFaultError ? error : faults.systemError(reason));
    }
    task.completeTime = clock.now();
    node.busy = false;
    service.changed();
  };
  void work();
  return ref;
}

/** TaskManager. */
export function taskManager(ref: ManagedObjectReference, service: Service): ManagedObject {
  return { ref, properties: { recentTask: () => recentTasks(service), maxCollector: () => 32 }, methods: {} };
}
