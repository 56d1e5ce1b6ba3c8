/** The property collector: what is asked, what is answered, and how changes are reported. */
import { managed, method, object, type TypeTable, values } from './schema.ts';

export const PROPERTY_TYPES = {
  PropertySpec: object('2.0', '', { type: 'string', all: 'boolean?', pathSet: 'string[]?' }),
  SelectionSpec: object('2.0', '', { name: 'string?' }),
  TraversalSpec: object('2.0', 'SelectionSpec', {
    type: 'string',
    path: 'string',
    skip: 'boolean?',
    selectSet: 'SelectionSpec[]?',
  }),
  ObjectSpec: object('2.0', '', { obj: 'moref', skip: 'boolean?', selectSet: 'SelectionSpec[]?' }),
  PropertyFilterSpec: object('2.0', '', {
    propSet: 'PropertySpec[]',
    objectSet: 'ObjectSpec[]',
    reportMissingObjectsInResults: 'boolean?@4.1',
  }),
  RetrieveOptions: object('4.1', '', { maxObjects: 'int?' }),
  WaitOptions: object('4.1', '', { maxWaitSeconds: 'int?', maxObjectUpdates: 'int?' }),

  DynamicProperty: object('2.0', '', { name: 'string', val: 'anyType' }),
  MissingProperty: object('2.0', '', { path: 'string', fault: 'LocalizedMethodFault' }),
  ObjectContent: object('2.0', '', { obj: 'moref', propSet: 'DynamicProperty[]?', missingSet: 'MissingProperty[]?' }),
  RetrieveResult: object('4.1', '', { token: 'string?', objects: 'ObjectContent[]' }),

  UpdateSet: object('2.0', '', { version: 'string', filterSet: 'PropertyFilterUpdate[]?', truncated: 'boolean?@4.1' }),
  PropertyFilterUpdate: object('2.0', '', {
    filter: 'moref',
    objectSet: 'ObjectUpdate[]?',
    missingSet: 'MissingObject[]?',
  }),
  MissingObject: object('2.0', '', { obj: 'moref', fault: 'LocalizedMethodFault' }),
  ObjectUpdateKind: values('2.0', 'modify enter leave'),
  ObjectUpdate: object('2.0', '', {
    kind: 'ObjectUpdateKind',
    obj: 'moref',
    changeSet: 'PropertyChange[]?',
    missingSet: 'MissingProperty[]?',
  }),
  PropertyChangeOp: values('2.0', 'add remove assign indirectRemove'),
  PropertyChange: object('2.0', '', { name: 'string', op: 'PropertyChangeOp', val: 'anyType?' }),

  PropertyFilter: managed(
    '2.0',
    'ManagedObject',
    { spec: 'PropertyFilterSpec', partialUpdates: 'boolean' },
    {
      DestroyPropertyFilter: method('2.0', 'System.View', {}, 'void'),
    },
  ),
  PropertyCollector: managed(
    '2.0',
    'ManagedObject',
    { filter: 'moref[]?' },
    {
      RetrieveProperties: method('2.0', 'System.Anonymous', { specSet: 'PropertyFilterSpec[]' }, 'ObjectContent[]?'),
      RetrievePropertiesEx: method(
        '4.1',
        'System.Anonymous',
        { specSet: 'PropertyFilterSpec[]', options: 'RetrieveOptions?' },
        'RetrieveResult?',
      ),
      ContinueRetrievePropertiesEx: method('4.1', 'System.View', { token: 'string' }, 'RetrieveResult'),
      CancelRetrievePropertiesEx: method('4.1', 'System.View', { token: 'string' }, 'void'),
      CreateFilter: method('2.0', 'System.View', { spec: 'PropertyFilterSpec', partialUpdates: 'boolean' }, 'moref'),
      CheckForUpdates: method('2.0', 'System.View', { version: 'string?' }, 'UpdateSet?'),
      WaitForUpdates: method('2.0', 'System.View', { version: 'string?' }, 'UpdateSet'),
      WaitForUpdatesEx: method('4.1', 'System.View', { version: 'string?', options: 'WaitOptions?' }, 'UpdateSet?'),
      CancelWaitForUpdates: method('2.0', 'System.View', {}, 'void'),
      CreatePropertyCollector: method('4.1', 'System.View', {}, 'moref'),
      DestroyPropertyCollector: method('4.1', 'System.View', {}, 'void'),
    },
  ),
} as const satisfies TypeTable;
